"""Plans pictures for what their labels tell, under values that are chosen for each; nothing of it is rendered."""
