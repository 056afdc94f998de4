# evs tests: being written.
load helper
