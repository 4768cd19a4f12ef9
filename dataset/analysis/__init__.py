"""What a dataset amounts to, as numbers: of its labels, its pictures, and against another one."""
