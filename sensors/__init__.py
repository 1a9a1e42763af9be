"""What notices that something has to run: new offsets, new files, missing pushes."""
