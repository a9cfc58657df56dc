"""The commands of the command line, one file each; every one has ``add_to(commands)``."""

# In the order in which `cristae --help` shows them.
COMMANDS = (
    "train",
    "augment",
    "predict",
    "evaluate",
    "measure",
    "clean",
    "activations",
    "serve",
    "jobs",
    "models",
    "tensorboard",
    "volumes",
    "doctor",
    "demo",
)
