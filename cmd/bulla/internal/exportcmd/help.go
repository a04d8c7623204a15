package exportcmd

const long = `Open stubs with an offline recovery key, and write what they hold in a form that
other tools read. Nobody is locked in.

No HSM, key service or cluster is asked, and the audit log hears nothing of it:
who has the recovery key opens all that was sealed for it. Values are never
printed, unless --out - asks for just that.

STUB is a stub's file, or a folder; --all is every stub of the repository. Each
is opened and checked in memory before anything is written; what cannot come is
listed with the reason, the others come, and the exit code is 3. Files lie in DIR
as the stubs lie in the repository, and only you can read them. No file is
overwritten.

The Secret is the object that the placements make of the stub. --as-written keeps
the name and namespace of the stub's own file, for a Secret that is to stand in the
stub's place in the same kustomization.`

const plainLong = `Write plain v1 Secret manifests, for kubectl apply.

DIR must be new or empty, and outside of every Git working tree: what is committed
once stays in history. --force writes into a working tree all the same.`

const plainExample = `  bulla export secrets --identity recovery.key --all --out /dev/shm/acme

  # one of them, into a pipe
  bulla export secrets -i recovery.key apps/payments/payments-db.yaml --out - | kubectl apply -f -`

const sopsLong = `Write Secret manifests that SOPS encrypts, in YAML, values alone.

Your own sops program encrypts them, for the age recipients of --age, or by the
creation rules of the .sops.yaml that it finds above DIR. It reads each from a
pipe; no value is in a file in the clear. What it wrote is looked through before
anything is kept: every value must be encrypted.`

const sopsExample = `  # in the stubs' places, for Flux to decrypt
  bulla export sops --identity recovery.key --age age1... --as-written apps/payments --out ../fleet-of-flux`
