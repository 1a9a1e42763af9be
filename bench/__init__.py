"""How fast the feature engine is, beside others who answer the same questions.

Each benchmark is one command, `python -m bench.NAME`: it makes its data, lets every method answer in a process of its
own, compares the answers with the project's, and speaks of speed only after they agree. Nothing in the project imports
this package.
"""
