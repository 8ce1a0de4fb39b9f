"""dlcli: a YAML file in, a trained, proven, deployable network out."""

import sys

from dlcli import numerics

__version__ = "0.1.0"

# The bits of every result depend on how NumPy's BLAS starts, so this comes before anything
# else may import NumPy. Too late if the program around us has it already: then this process
# computes in a class of its own, and the command line starts itself again.
if "numpy" not in sys.modules:
    numerics.pin()
