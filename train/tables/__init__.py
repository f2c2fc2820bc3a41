"""The slides' tables, one a file: which systems, on which data, by which protocol, and the figures that are published.

A figure is here only where it was read: in the README of github microsoft/STELLAR, or in the slides' own text. A cell
without one is measured all the same and has nothing beside it.
"""
