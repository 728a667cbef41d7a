"""Package installation inside the application: never in tests."""


def pip_install(requirements, **options) -> None:
    raise RuntimeError(f"Expected no package installation inside Slicer, received a request for {requirements}.")


def pip_uninstall(requirements, **options) -> None:
    raise RuntimeError(f"Expected no package removal inside Slicer, received a request for {requirements}.")
