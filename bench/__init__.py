"""Benchmarks: what each stage of the road costs. Run with `make bench`; nothing here is a test."""
