"""Pictures of which the answer is known: photos made like ours, and pictures broken in their pixels."""
