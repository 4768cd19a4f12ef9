"""How well bodies lie: where their real surfaces touch, and whether a push would bring them down."""
