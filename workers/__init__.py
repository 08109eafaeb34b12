"""Celery edge: GPU and CPU workers that advance tickets."""
