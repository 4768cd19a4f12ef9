"""What this machine lets a process have: cores, memory, threads of linear algebra."""
