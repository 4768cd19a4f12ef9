"""Pictures of data, for people: contact sheet, labels drawn, balance figures and charts."""
