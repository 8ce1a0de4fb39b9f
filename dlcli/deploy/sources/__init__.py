"""What formats share that are written as Python source: how names, numbers and functions get into
it, what is done to rows before a network and to its outputs behind it, and how it is proven."""
