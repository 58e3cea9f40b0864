"""Packages that a solver needs, and what a run says where they are absent."""

from musaic_core.benchmark.choice import LEFT_OUT
from musaic_core.benchmark.digest import versions
from musaic_core.data.errors import report_once


class NeedsPackages:
    """Of a benchopt solver: looks its ``requirements`` up, and says how to get them."""

    @classmethod
    def missing_packages(cls) -> list[str]:
        """Required packages that are not installed."""
        return [p for p, version in versions(cls.requirements).items() if not version]

    @classmethod
    def how_to_install(cls, missing: list[str]) -> str:
        """Say what the solver needs and how to get it.

        Parameters
        ----------
        missing : list of str
            Names of packages.

        Returns
        -------
        str
        """
        how = f"pip install {' '.join(missing)}"
        if cls.install_cmd == "shell":
            how = f"bash install_scripts/{cls.install_script}"
        return f"{cls.name} needs {', '.join(missing)}: {how}"

    @classmethod
    def is_installed(
        cls, env_name=None, raise_on_not_installed=None, quiet=False, reload=False
    ):
        """Whether the required packages are there; if not, say how to get them."""
        if env_name is not None:
            return super().is_installed(env_name, raise_on_not_installed, quiet, reload)
        missing = cls.missing_packages()
        # a solver that the run leaves out is none that it lacks
        if not missing or cls.parameters == LEFT_OUT:
            return True
        message = cls.how_to_install(missing)
        if raise_on_not_installed:
            raise ImportError(message)
        if not quiet:
            report_once(message)
        return False
