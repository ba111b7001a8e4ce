"""What fragmentation costs in waiting, on OpenB's nodes and pods."""
