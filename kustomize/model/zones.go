package model

// Whoever reads windows of placements reads them by the same zones, whatever the
// machine has: the three programs all read models.
import _ "time/tzdata"
