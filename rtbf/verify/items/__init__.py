"""The item sets of a ticket, made from its records before anything is unlearned: one file for each set or family of sets."""
