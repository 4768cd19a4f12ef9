"""Plans one picture: draws, casts and judges attempts until one is good; looks at inputs first."""
