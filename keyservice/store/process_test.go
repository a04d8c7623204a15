package store_test

import "os"

const roleVariable = "BULLA_TEST_STORE_ROLE"

func play(string) int { return os.Getpid() }
