"""CTK widgets for numbers and ranges of numbers."""

import math

import qt
from PySide6.QtCore import Property, Signal

from host.qt_standins.registry import custom_widget, plain_property

SLIDER_STEPS = 10000


class _Number(qt.QWidget):
    """A spin box, with a slider beside it where the class asks for one."""

    valueChanged = Signal(float)
    valueIsChanging = Signal(float)
    with_slider = False

    def __init__(self, *arguments) -> None:
        super().__init__(*[argument for argument in arguments if isinstance(argument, qt.QWidget)])
        layout = qt.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._spin_box = qt.QDoubleSpinBox()
        self._spin_box.setRange(0, 99.99)
        self._slider = None
        if self.with_slider:
            self._slider = qt.QSlider(qt.Qt.Horizontal)
            self._slider.setRange(0, SLIDER_STEPS)
            self._slider.valueChanged.connect(self._slider_moved)
            layout.addWidget(self._slider)
        layout.addWidget(self._spin_box)
        self._spin_box.valueChanged.connect(self._spin_box_changed)

    def _slider_moved(self, position: int) -> None:
        low, high = self._spin_box.minimum, self._spin_box.maximum
        self._spin_box.setValue(low + (high - low) * position / SLIDER_STEPS)

    def _spin_box_changed(self, value: float) -> None:
        self._place_slider()
        self.valueChanged.emit(value)

    def _place_slider(self) -> None:
        width = self._spin_box.maximum - self._spin_box.minimum
        if self._slider is None or width <= 0 or not math.isfinite(width):
            return
        blocked = self._slider.blockSignals(True)
        self._slider.setValue(round(SLIDER_STEPS * (self._spin_box.value - self._spin_box.minimum) / width))
        self._slider.blockSignals(blocked)

    def setValue(self, value: float) -> None:
        self._spin_box.setValue(float(value))

    def setMinimum(self, value: float) -> None:
        self._spin_box.setMinimum(value)
        self._place_slider()

    def setMaximum(self, value: float) -> None:
        self._spin_box.setMaximum(value)
        self._place_slider()

    def setRange(self, low: float, high: float) -> None:
        self._spin_box.setRange(low, high)
        self._place_slider()

    def setDecimals(self, decimals: int) -> None:
        self._spin_box.setDecimals(decimals)

    def setSingleStep(self, step: float) -> None:
        self._spin_box.setSingleStep(step)

    def setSuffix(self, text: str) -> None:
        self._spin_box.setSuffix(text)

    def setPrefix(self, text: str) -> None:
        self._spin_box.setPrefix(text)

    def _set_spin_box_visible(self, visible: bool) -> None:
        self._spin_box.setVisible(visible)

    value = Property(float, lambda self: self._spin_box.value, setValue)
    minimum = Property(float, lambda self: self._spin_box.minimum, setMinimum)
    maximum = Property(float, lambda self: self._spin_box.maximum, setMaximum)
    decimals = Property(int, lambda self: self._spin_box.decimals, setDecimals)
    singleStep = Property(float, lambda self: self._spin_box.singleStep, setSingleStep)
    suffix = Property(str, lambda self: self._spin_box.suffix, setSuffix)
    prefix = Property(str, lambda self: self._spin_box.prefix, setPrefix)
    spinBoxVisible = Property(bool, lambda self: not self._spin_box.isHidden(), _set_spin_box_visible)
    pageStep = plain_property(float, "pageStep", 10.0)
    tickInterval = plain_property(float, "tickInterval", 0.0)
    tracking = plain_property(bool, "tracking", True)


@custom_widget
class ctkSliderWidget(_Number):
    with_slider = True


@custom_widget
class ctkDoubleSpinBox(_Number):
    pass


@custom_widget
class ctkDoubleSlider(_Number):
    with_slider = True

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self._spin_box.setVisible(False)


class _Range(qt.QWidget):
    """Two spin boxes: lower and upper end."""

    valuesChanged = Signal(float, float)
    minimumValueChanged = Signal(float)
    maximumValueChanged = Signal(float)

    def __init__(self, *arguments) -> None:
        super().__init__(*[argument for argument in arguments if isinstance(argument, qt.QWidget)])
        layout = qt.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._low = qt.QDoubleSpinBox()
        self._high = qt.QDoubleSpinBox()
        for spin_box in self._boxes():
            spin_box.setRange(0, 99)
            layout.addWidget(spin_box)
        self._high.setValue(99)
        self._low.valueChanged.connect(lambda value: self._changed(self.minimumValueChanged, value))
        self._high.valueChanged.connect(lambda value: self._changed(self.maximumValueChanged, value))

    def _boxes(self) -> tuple:
        return self._low, self._high

    def _changed(self, signal, value: float) -> None:
        signal.emit(value)
        self.valuesChanged.emit(self._low.value, self._high.value)

    def setValues(self, low: float, high: float) -> None:
        if (low, high) == (self._low.value, self._high.value):
            return
        for spin_box, value in zip(self._boxes(), (low, high), strict=True):
            blocked = spin_box.blockSignals(True)
            spin_box.setValue(value)
            spin_box.blockSignals(blocked)
        self.valuesChanged.emit(self._low.value, self._high.value)

    def setRange(self, low: float, high: float) -> None:
        for spin_box in self._boxes():
            spin_box.setRange(low, high)

    def setMinimum(self, value: float) -> None:
        for spin_box in self._boxes():
            spin_box.setMinimum(value)

    def setMaximum(self, value: float) -> None:
        for spin_box in self._boxes():
            spin_box.setMaximum(value)

    def setDecimals(self, decimals: int) -> None:
        for spin_box in self._boxes():
            spin_box.setDecimals(decimals)

    def setSingleStep(self, step: float) -> None:
        for spin_box in self._boxes():
            spin_box.setSingleStep(step)

    def _set_low(self, value: float) -> None:
        self._low.setValue(value)

    def _set_high(self, value: float) -> None:
        self._high.setValue(value)

    minimumValue = Property(float, lambda self: self._low.value, _set_low)
    maximumValue = Property(float, lambda self: self._high.value, _set_high)
    minimum = Property(float, lambda self: self._low.minimum, setMinimum)
    maximum = Property(float, lambda self: self._low.maximum, setMaximum)
    decimals = Property(int, lambda self: self._low.decimals, setDecimals)
    singleStep = Property(float, lambda self: self._low.singleStep, setSingleStep)


@custom_widget
class ctkRangeWidget(_Range):
    pass


@custom_widget
class ctkDoubleRangeSlider(_Range):
    pass
