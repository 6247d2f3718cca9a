"""Trials, ranking metrics, the evaluator and its reports."""
