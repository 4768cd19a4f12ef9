"""What commands share: options, how help looks, and what ends them."""
