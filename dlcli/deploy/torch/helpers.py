"""What PyTorch has not as it is needed: text of functions and classes, written where they are
used."""

AVERAGE_POOL = '''\
def average_pool(x: torch.Tensor, pool: nn.Module, pads: tuple[int, ...]) -> torch.Tensor:
    """The means of windows over padded values; padded places do not count."""
    return pool(F.pad(x, pads)) / pool(F.pad(torch.ones_like(x), pads))'''

MEAN_OF_STEPS = '''\
def mean_of_steps(x: torch.Tensor, mask: torch.Tensor, keepdim: bool = False) -> torch.Tensor:
    """The mean over the steps that are not masked; 0 of none."""
    real = mask.unsqueeze(-1).to(x.dtype)
    return (x * real).sum(dim=1, keepdim=keepdim) / real.sum(dim=1, keepdim=keepdim).clamp(min=1)'''

AMAX_OF_STEPS = '''\
def amax_of_steps(x: torch.Tensor, mask: torch.Tensor, keepdim: bool = False) -> torch.Tensor:
    """The maximum over the steps that are not masked; 0 of none."""
    real = mask.unsqueeze(-1)
    found = x.masked_fill(~real, -torch.inf).amax(dim=1, keepdim=keepdim)
    return found.masked_fill(~real.any(dim=1, keepdim=keepdim), 0.0)'''

UNIT_LENGTH = '''\
def unit_length(x: torch.Tensor, dim: int) -> torch.Tensor:
    """x scaled to the length 1 along an axis."""
    return x / (x * x).sum(dim=dim, keepdim=True).clamp(min=1e-12).sqrt()'''

GROUP_NORMALIZATION = '''\
class GroupNormalization(nn.Module):
    """nn.GroupNorm with channels last, of rows of any shape; masked steps count in no mean."""

    def __init__(self, groups: int, channels: int, eps: float) -> None:
        super().__init__()
        self.groups, self.eps = groups, eps
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        n, channels = x.shape[0], x.shape[-1]
        each = channels // self.groups
        grouped = x.reshape(n, -1, self.groups, each)
        real = torch.ones_like(grouped[:, :, :1, :1])
        if mask is not None:
            real = mask[:, :, None, None].to(x.dtype)
        count = real.sum(dim=1, keepdim=True).clamp(min=1) * each
        mean = (grouped * real).sum(dim=(1, 3), keepdim=True) / count
        centred = grouped - mean
        variance = (centred * real).square().sum(dim=(1, 3), keepdim=True) / count
        found = centred / (variance + self.eps).sqrt()
        return found.reshape(x.shape) * self.weight + self.bias'''
