"""The local ends of what the guest is given: sound devices and files."""
