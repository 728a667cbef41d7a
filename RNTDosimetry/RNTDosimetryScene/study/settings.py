"""Settings of the library on the parameter node and back: which there are, and their names, stand in their declarations."""

from RNTDosimetryLib.base.settings import Setting, settings_of
from RNTDosimetryLib.roads.therapy import StudySettings
from RNTDosimetryScene.show import display
from RNTDosimetryScene.study.parameters import RegistrationMethod


def shown_settings() -> tuple[Setting, ...]:
    """The settings that the parameter node holds one by one."""
    return tuple(item for item in settings_of(StudySettings) if item.parameter)


def settings_of_node(parameter_node, registrations=None) -> StudySettings:
    """What the panel holds. registrations: matrices that were found by the host, so that running the study again takes the same."""
    method = parameter_node.registrationMethod
    values = {item.name: item.from_parameter(_plain(getattr(parameter_node, item.parameter))) for item in shown_settings()}
    return StudySettings(
        **values,
        register=method is not RegistrationMethod.NONE,
        register_by="activity" if method is RegistrationMethod.ACTIVITY else "ct",
        registrations=registrations,
    )


def take_settings(parameter_node, settings: StudySettings) -> None:
    """Every setting of a study onto the parameter node, whatever the panel held before: the study must compute the same here as everywhere."""
    for item in shown_settings():
        value, present = item.to_parameter(getattr(settings, item.name)), getattr(parameter_node, item.parameter)
        setattr(parameter_node, item.parameter, type(present)(value) if item.choices else value)
    parameter_node.registrationMethod = _method_of(settings)
    if settings.registrations is not None:
        display.take_registrations(parameter_node, settings.registrations)


def _method_of(settings: StudySettings) -> RegistrationMethod:
    if settings.registrations is not None:
        return RegistrationMethod.SCENE
    if not settings.register:
        return RegistrationMethod.NONE
    return RegistrationMethod.ACTIVITY if settings.register_by == "activity" else RegistrationMethod.SIMPLEITK


def _plain(value):
    """The word of a choice, anything else as it is."""
    return getattr(value, "value", value)
