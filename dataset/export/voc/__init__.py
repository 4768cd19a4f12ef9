"""Pascal VOC: an XML file a picture."""
