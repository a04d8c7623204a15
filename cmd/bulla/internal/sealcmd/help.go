package sealcmd

const long = `Seal values into a stub file.

STUB is the path of the file, new or not, from where you are or from the
repository's root. Values in an existing stub are replaced or added; its other
values stay as they are, byte for byte, and need not be known. Without STUB, --for and --name write NAME.yaml into the
placement's folder. A new file gets its line in the kustomization of its folder, or in the next one above it.

Whom for. Locks go to sets of clusters (--set). Without --set, --for PLACEMENT
takes the sets that the placement targets; without both, a value keeps those
that it had. Clusters that a new value leaves out are named.
--two-lock --cluster NAME locks to one cluster's own key as well: then neither
the key service nor the cluster opens it alone. No set stands beside it: each
lock is enough, and a set's needs no cluster's key. With --for it takes the
clusters that the placement names, and refuses its sets. It needs a recovery
recipient in the fleet.

What as. A value is bound to the object that kustomize builds from the stub:
its namespace and name after namePrefix and overlays. --for PLACEMENT builds it
to find out, and names other placements whose objects it would not fit; without
--for, every placement is looked through. --scope namespace binds the namespace
only, --scope fleet neither, and then the stub says no namespace unless told.

Nothing is asked of a network or a cluster. Keys and recovery recipients that
the pinned root key did not sign are refused.

A value given with --from-literal stays in your shell's history and is seen in
the list of processes; --from-file KEY=- reads standard input and does neither.
Files are sealed as they are, with their last line end; a note says where that
may not be meant.

--replace refuses a stub that would not open everywhere where it is placed: the
manifest may be all that there is of the values.

Certificates with --cert and --key, registries with --docker-username, and the types
kubernetes.io/ssh-auth and basic-auth are looked at as their readers do.

What an API server would refuse is refused here: a type's missing keys, more
than 1 MiB, JSON that is none. Labels, annotations and immutable of a manifest
come along; marks of other owners (Argo CD, Helm, Flux, kubectl) do not.`

const example = `  # a new secret for what is placed as "payments"
  bulla seal --for payments --name payments-db --from-file password=./password.txt

  # change one value, or add one, in an existing stub
  pass show payments/db | tr -d '\n' | bulla seal apps/payments/payments-db.yaml --from-file password=-

  # a certificate that fits its key; a user who pulls images
  bulla seal --for payments --name payments-tls --cert tls.crt --key tls.key
  bulla seal --for payments --name pull --docker-server registry.example.com --docker-username payments

  # a Secret in the clear becomes a stub, in its place
  bulla seal --replace apps/payments/secret.yaml --for payments

  # take a key away; give one another name, with its value again
  bulla seal apps/payments/payments-db.yaml --remove token
  bulla seal apps/payments/payments-db.yaml --rename pass=password --from-file password=-

  # from a Secret manifest
  kubectl create secret generic payments-db --from-literal=user=app --dry-run=client -o yaml |
    bulla seal --for payments -f -

  # user and password change together, under one lock
  bulla seal --for payments --name payments-db --together --from-literal user=app --from-file password=./password.txt

  # openable with the HSM and the key of prod-eu only
  bulla seal apps/payments/payments-db.yaml --two-lock --cluster prod-eu --from-file password=./password.txt`

const setLong = `Seal one value, new or changed, into a stub file.

On a terminal the value is asked for, twice, and not shown. --stdin and
--from-file take it as it is, with its last line end. --generate makes one that
nobody ever sees: only the clusters that it is placed on can read it. How it was
made stands in the stub (bulla.dev/generate), so that bulla rotate can make another.
No flag takes the value itself: the shell's history and the list of processes keep
what is typed.

The other values of the stub stay, byte for byte. A stub that is not there is
begun, and listed in the kustomization. Whom for and what as are those of bulla seal.`

const setExample = `  # asked for
  bulla set apps/payments/payments-db.yaml password

  # made, 32 letters and digits
  bulla set apps/payments/payments-db.yaml password --generate 32

  # from another program
  pass show payments/db | tr -d '\n' | bulla set apps/payments/payments-db.yaml password --stdin

  # the first value of a new stub
  bulla set apps/payments/api.yaml token --for payments --generate 40 --alphabet base64url`

const unsetLong = `Take values out of a stub file.

Nothing is opened, and the other values stay, byte for byte. Values that stand
in one block with one that goes must be sealed anew: the error names them. What
was committed stays in Git's history, as ciphertext that no cluster can have
opened once this is merged.`

const unsetExample = `  bulla unset apps/payments/payments-db.yaml token`

const renameLong = `Give a key another name, with its value again.

A sealed value is bound to its key, and nobody here can open it: the value is
asked for, piped, read from a file or made, as with bulla set. Workloads that
read the old key must read the new one; bulla validate names them.`

const renameExample = `  pass show payments/db | tr -d '\n' |
    bulla rename apps/payments/payments-db.yaml pass password --stdin`

const targetLong = `Say for which sets of clusters, or for which single cluster, a stub's values are.

Placements say where an application goes. Locks say who can open a value at all:
a cluster that is new in a set needs neither of these, as its set has a lock.`

const targetAddLong = `Seal the values of a stub for one more target.

Anyone can seal, nobody can open: the values are not here to be locked once more, so
they are given again. On a terminal each is asked for, and not shown; --from-file,
--from-env-file and -f take them too. Another value than before does as well.

Each value is sealed anew for all whom it was for and for TARGET: clusters that had it
ask for it again, and workloads that read it restart once.

TARGET is set/NAME, or cluster/NAME for a lock to one cluster's own key. A stub that is
locked to clusters' own keys takes no set: its lock would open without them.`

const targetAddExample = `  bulla target add apps/payments/payments-db.yaml set/stage

  pass show payments/db | tr -d '\n' |
    bulla target add apps/payments/payments-db.yaml set/stage --from-file password=-`

const targetRemoveLong = `Take the locks for a target out of a stub.

Nothing is opened, and no other cluster asks or restarts. Once it is merged, clusters
that have no other lock open the values no more. What they opened was read: change the
value too, if they should not have it. A target that stays placed without a lock waits
for one: bulla validate says so.`

const targetRemoveExample = `  bulla target remove apps/payments/payments-db.yaml set/stage`
