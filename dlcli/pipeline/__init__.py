"""The five stages of a run, and what is done with its directory later.

`run` and `resume` go through `prepare`, `design`, `train`, `evaluate` and `deploy`; `finished`,
`predict`, `reproduce` and `compare` work on what they left. The rooms know nothing of each other:
they meet here.
"""
