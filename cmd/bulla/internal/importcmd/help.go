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

const plainLong = `Seal plain v1 Secret manifests: files with one, with several documents, or with
a List. Other objects in them are passed over.`

const plainExample = `  bulla import secrets secrets.yaml --for payments

  # what would come, and what not
  bulla import secrets secrets.yaml --for payments --dry-run

  # a namespace of a cluster that has a context of yours
  kubectl -n payments get secret -o yaml | bulla import secrets - --for payments --take-over`

const kubeLong = `Seal live Secrets of one namespace: those named, those that --selector fits, or
all of them.

Each stub says that the controller may take over the live Secret. Once it is
merged, the Secret keeps its uid, what reads it goes on, and owner references are
cut. KIND/NAME reads the Secret that an ExternalSecret, VaultStaticSecret or
SealedSecret makes. That object must go before the merge: two controllers would
write one Secret in turns. The command to type is printed.

Tokens of ServiceAccounts, releases of Helm and what bulla delivers stay behind.`

const kubeExample = `  bulla import kube --context prod-eu -n payments --for payments payments-db smtp

  # what an ExternalSecret makes
  bulla import kube -n payments --for payments externalsecret/payments-db

  # all of a namespace: what would come?
  bulla import kube -n payments --for payments --dry-run`

const sealedLong = `Open SealedSecrets with the keys of their controller, and seal what they hold.

All scopes are read, and templates, by the code of Sealed Secrets itself. A key
file holds the Secrets in which the controller keeps its keys, old ones too.
Whoever has it reads all that was ever sealed for that cluster: keep it off the
disk (--keys -), or delete it.

The stubs are of scope Strict, and say that the controller may take over the
live Secret, as with bulla import kube.`

const sealedExample = `  kubectl -n kube-system get secret -l sealedsecrets.bitnami.com/sealed-secrets-key -o yaml |
    bulla import sealed-secrets apps/payments/*-sealed.yaml --keys - --for payments`

const sopsLong = `Open files that SOPS encrypted, and seal what they hold.

Your own sops program opens them, with the keys that it finds (age, PGP, a
cloud's, Vault's), and checks their MAC. What it prints is read from a pipe and is
in no file. Secret manifests in YAML and JSON are read, also with several
documents, and .env files.`

const sopsExample = `  SOPS_AGE_KEY_FILE=keys.txt bulla import sops apps/payments/*.enc.yaml --for payments

  bulla import sops payments.env --name payments-env --for payments`

const vaultLong = `Seal one entry of Vault's KV engine, version 1 or 2, as a Secret: what
"vault kv get -format=json" prints, of OpenBao too.`

const vaultExample = `  vault kv get -format=json secret/payments/db |
    bulla import vault - --name payments-db --for payments`

const pluginLong = `List the placeholders of argocd-vault-plugin in manifests: file, line, column,
object, field, and the entry and key of the store that the plugin would put there.
Folders are looked through for YAML and JSON.

Nothing is read from a store, and nothing is changed. What people must do is
listed; the exit code is 3 while there are any.`

const pluginExample = `  bulla import argocd-vault-plugin apps/payments

  # then, for each entry that is named
  vault kv get -format=json secret/payments/db |
    bulla import vault - --name payments-db --for payments`
