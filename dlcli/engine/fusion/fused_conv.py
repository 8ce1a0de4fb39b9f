"""What fused convolutions share: which plain layers they stand for."""

from dlcli.engine.layer import Layer, Shape, Slot
from dlcli.engine.layers.activations import Relu
from dlcli.engine.layers.conv2d import Conv2D
from dlcli.engine.layers.pool2d import MaxPooling2D
from dlcli.frozen import frozen


@frozen
class FusedConv(Layer):
    """conv2d, then relu or nothing, then 2x2 max pooling or nothing: y as by these layers.

    Bias and relu come after the pool: max(a, b) + c = max(a + c, b + c) to the last bit, and
    relu, too, grows with its input, so both work on a quarter of the numbers. Outputs of the
    convolution that the pool floors away are never computed.
    """

    conv: Conv2D
    relu: Relu | None = None
    pool: MaxPooling2D | None = None

    def slots(self, in_shape: Shape) -> dict[str, Slot]:
        return self.conv.slots(in_shape)

    def out_shape(self, in_shape: Shape) -> Shape:
        shape = self.conv.out_shape(in_shape)
        return shape if self.pool is None else self.pool.out_shape(shape)

    def flops(self, in_shape: Shape) -> int:
        """Those of the plain layers, relu before the pool, so that rates can be compared."""
        total = self.conv.flops(in_shape)
        shape = self.conv.out_shape(in_shape)
        for layer in (self.relu, self.pool):
            if layer is not None:
                total += layer.flops(shape)
        return total
