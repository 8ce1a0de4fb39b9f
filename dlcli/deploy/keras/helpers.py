"""What Keras has not as it is needed: text of functions, written where they are used.

They are made of layers and operations of Keras alone, so that a model that was saved needs nothing
else to be loaded.
"""

AVERAGE_POOL = '''\
def average_pool(x, pad, pool):
    """The means of windows over padded values; padded places do not count."""
    return pool(pad(x)) / pool(pad(ops.ones_like(x)))'''

MEAN_OF_STEPS = '''\
def mean_of_steps(x, mask, keepdims=False):
    """The mean over the steps that are not masked; 0 of none."""
    real = ops.cast(ops.expand_dims(mask, -1), "float32")
    count = ops.maximum(ops.sum(real, axis=1, keepdims=keepdims), 1.0)
    return ops.sum(x * real, axis=1, keepdims=keepdims) / count'''

MAX_OF_STEPS = '''\
def max_of_steps(x, mask, keepdims=False):
    """The maximum over the steps that are not masked; 0 of none."""
    real = ops.expand_dims(mask, -1)
    found = ops.max(ops.where(real, x, -float("inf")), axis=1, keepdims=keepdims)
    return ops.where(ops.any(real, axis=1, keepdims=keepdims), found, 0.0)'''

UNIT_LENGTH = '''\
def unit_length(x, axis):
    """x scaled to the length 1 along an axis."""
    return x / ops.sqrt(ops.maximum(ops.sum(x * x, axis=axis, keepdims=True), 1e-12))'''

NORMALIZED_GROUPS = '''\
def normalized_groups(x, mask, groups, epsilon):
    """Each group of channels with mean 0 and variance 1 over the steps that are not masked."""
    steps, channels = x.shape[1:]
    each = channels // groups
    grouped = ops.reshape(x, (-1, steps, groups, each))
    real = ops.reshape(ops.cast(mask, "float32"), (-1, steps, 1, 1))
    count = ops.maximum(ops.sum(real, axis=1, keepdims=True), 1.0) * each
    mean = ops.sum(grouped * real, axis=(1, 3), keepdims=True) / count
    centred = grouped - mean
    variance = ops.sum(ops.square(centred * real), axis=(1, 3), keepdims=True) / count
    return ops.reshape(centred / ops.sqrt(variance + epsilon), (-1, steps, channels))'''
