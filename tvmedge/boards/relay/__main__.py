"""The relay as a program, beside which none of tvmedge is loaded."""

import sys

# The folder above instead: its name for this package is short, and nothing else is taken there.
sys.path[0] = sys.path[0].rpartition("/")[0]
main = __import__("relay.serve").serve.main
del sys.path[0]
sys.exit(main(sys.argv[1:]))
