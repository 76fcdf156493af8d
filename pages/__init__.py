"""What is made from the documentation or for it: commands pasted, the reference of options, notebooks, pictures."""
