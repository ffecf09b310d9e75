"""The decisions, one family of commands a file: each looks at the state, emits records and answers.

A decision reads the state and never changes it but through `turn.emit`.
"""
