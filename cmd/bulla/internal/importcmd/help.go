package importcmd

const long = `Seal Secrets that stand elsewhere, each into a stub of its own.

Each is sealed by the code of bulla seal, for --for PLACEMENT, and listed in its
folder's kustomization. Each is sealed a second time, to a key that is thrown
away, opened again and compared. Nothing is written before all of it is done.

The stubs come as one commit on a new branch (--branch), by your own git. With
--no-branch, or outside of Git, they are in the working tree. A tree with local
changes is refused, unless --allow-dirty says otherwise.

What cannot come is listed with the reason, the others come, and the exit code
is 3. What people must do is listed too. Values are never printed, and never in
a file in the clear.

--take-over lets the controller take over live Secrets of the same names: they
keep their uid, and what reads them goes on. Marks of other owners do not come.`

const example = `  # a .env file becomes the Secret payments-env
  bulla import env .env --name payments-env --for payments

  # what somebody has as plain manifests
  bulla import secrets secrets.yaml --for payments`

const envLong = `Seal the lines KEY=VALUE of .env files as one Secret.

Empty lines and lines that begin with # are passed over. Programs do not agree
about quotes around a value: --quotes says whether they are part of it.`

const envExample = `  bulla import env .env --name payments-env --for payments

  # from another program, and nowhere on disk
  pass show payments/env | bulla import env - --name payments-env --for payments`

const secretsLong = `Seal plain v1 Secret manifests: files with one, with several documents, or with
a List. Other objects in them are passed over.`

const secretsExample = `  bulla import secrets secrets.yaml --for payments

  # what would come, and what not
  bulla import secrets secrets.yaml --for payments --dry-run

  # a namespace of a cluster that has a context of yours
  kubectl -n payments get secret -o yaml | bulla import secrets - --for payments --take-over`
