"""The paper's comparison: which runs it takes, and the tables made of their results."""
