from abc import abstractmethod
from dataclasses import dataclass
from typing import Any
import os
import numpy as np

from dlcli.engine.context import Context
from dlcli.engine.fusion.positions import as_images, constant, position_major
from dlcli.engine.fusion.winograd import *
from dlcli.engine.layer import Array, Layer, Params, Shape, Slot
from dlcli.engine.layers import Conv2D, MaxPooling2D
from dlcli.engine.layers.activations import Relu

BUDGET = int(os.environ.get("WB", 1<<20))
ORDER = os.environ.get("WO","cols")

@dataclass(frozen=True)
class WinogradConv(Layer):
    conv: Conv2D
    activation: Layer | None = None
    pool: MaxPooling2D | None = None

    def slots(self, in_shape): return self.conv.slots(in_shape)
    def out_shape(self, in_shape):
        s = self.conv.out_shape(in_shape)
        return self.pool.out_shape(s) if self.pool else s

    def _grid(self, in_shape):
        h, w, c = in_shape
        oh, ow, f = self.conv.out_shape(in_shape)
        b = self.conv.windows(h, w).before
        r = (lambda k: k // 2) if self.pool else (lambda k: -(-k // 2))
        return Axis(h, b[0], r(oh)), Axis(w, b[1], r(ow)), oh, ow

    def _groups(self, rows, cols, n, c, f, dtype):
        size = 16 * cols.tiles * n * (c + f) * 4
        count = max(1, -(-rows.tiles * size // BUDGET))
        g = -(-rows.tiles // count)
        return [(s, min(s + g, rows.tiles)) for s in range(0, rows.tiles, g)]

    def _V(self, x, rows, cols, group, ctx):
        start, stop = group
        h, w, n, c = x.shape
        at, axis = rows.part(start, stop)
        g, t = stop - start, cols.tiles
        v = ctx.scratch("V", (4, 4, g, t * n * c), x.dtype)
        if ORDER == "rows":
            r = ctx.scratch("R", (4, g, w, n * c), x.dtype)
            read_tiles(x[at].reshape(axis.length, -1), r.reshape(4, g, -1), axis)
            v5 = v.reshape(4, 4, g, t, n * c)
            read_tiles(r, [v5[:, l] for l in range(4)], cols)
        else:
            r = ctx.scratch("R", (4, axis.length, t, n * c), x.dtype)
            read_tiles(x[at].reshape(axis.length, w, -1), r, cols)
            read_tiles(r.reshape(4, axis.length, -1), v, axis)
        return v.reshape(16, g * t * n, c)

    def forward(self, p, x, ctx, /):
        x = position_major(x, "x", ctx)
        h, w, n, c = x.shape
        f = self.conv.filters
        rows, cols, oh, ow = self._grid((h, w, c))
        dt = x.dtype
        U = ctx.scratch("U", (16, c, f), dt)
        np.matmul(kernel_matrix(dt.name), p["kernel"].reshape(9, -1), out=U.reshape(16, -1))
        if self.conv.use_bias:
            bias = ctx.scratch("bias", (n, f), dt)
            np.copyto(bias, p["bias"])
            bias = bias.reshape(-1)
        t = cols.tiles
        if self.pool:
            Y = ctx.scratch("Y", (4, rows.tiles, t*n*f), dt)
            y = ctx.scratch("y", (rows.tiles, t * n* f), dt)
            masks = ctx.scratch("masks", (3, rows.tiles, t*n*f), bool)
        else:
            y = ctx.scratch("y", (oh, ow, n * f), dt)
        for group in self._groups(rows, cols, n, c, f, dt):
            start, stop = group
            g = stop - start
            v = self._V(x, rows, cols, group, ctx)
            M = ctx.scratch("M", (16, g * t * n, f), dt)
            np.matmul(v, U, out=M)
            T = ctx.scratch("T", (2, 4, g*t, n * f), dt)
            M = M.reshape(4, 4, g*t, n*f)
            if self.conv.use_bias:
                np.add(M[1, 1], bias, out=M[1, 1])
            outputs(M, T)
            if self.pool:
                Yg = ctx.scratch("Yg", (2, 2, g, t*n*f), dt)
                outputs(T.reshape(2,4,g,-1).transpose(1,0,2,3), Yg.transpose(1,0,2,3))
                Y4 = Yg.reshape(4, g, -1)
                yg = y[start:stop]
                half = T.reshape(-1)[:2*g*t*n*f].reshape(2, g, -1)
                np.maximum(Yg[:, 0], Yg[:, 1], out=half)
                np.maximum(half[0], half[1], out=yg)
                np.equal(Y4[:3], yg, out=masks[:, start:stop])
                if self.activation:
                    np.maximum(yg, constant(0.0, t*n*f, dt.name), out=yg)
            else:
                T = T.reshape(2, 4, g, t, n*f)
                a = M[0,0:2].reshape(2,g,t,n*f) # reuse
                for col, op, last in ((0, np.add, 0), (1, np.subtract, 3)):
                    op(T[:, 1], T[:, 2], out=a)
                    for row in range(2):
                        o = y[2*start+row:2*stop:2, col::2]
                        k, l = o.shape[:2]
                        np.add(a[row, :k, :l], T[row, last, :k, :l], out=o)
                yg = y[2*start:2*stop]
                if self.activation:
                    np.maximum(yg, constant(0.0, n*f, dt.name), out=yg)
        if self.pool:
            return as_images(y.reshape(rows.tiles, t, n, f)), (x, y, masks, U)
        return as_images(y.reshape(oh, ow, n, f)), (x, y, None, U)

    def backward(self, p, g, cache, dy, ctx, /, *, need_dx=True):
        x, y, masks, U = cache
        dy = position_major(dy, "dy", ctx)
        h, w, n, c = x.shape
        f = self.conv.filters
        rows, cols, oh, ow = self._grid((h, w, c))
        t = cols.tiles
        dt = x.dtype
        gr = self._groups(rows, cols, n, c, f, dt)
        dU = ctx.scratch("dU", (16, c, f), dt)
        part = ctx.scratch("dU part", (16, c, f), dt) if len(gr) > 1 else dU
        if need_dx:
            dx = ctx.scratch("dx", (h, w, n * c), dt)
            dead = 2*rows.tiles + 2 - rows.before
            if dead < h: dx[dead:].fill(0)
        first = True
        for start, stop in gr:
            G = stop - start
            dM = ctx.scratch("M", (4, 4, G, t, n * f), dt)
            if self.pool:
                dM4 = dM.reshape(4, 4, G, -1)
                dz = dy.reshape(rows.tiles, -1)[start:stop]
                m = ctx.scratch("sel", (4, G, t*n*f), bool)
                rem = m[3]
                msk = masks[:, start:stop]
                if self.activation:
                    np.greater(y[start:stop], 0, out=rem)
                else:
                    rem.fill(True)
                for k in range(3):
                    np.logical_and(msk[k], rem, out=m[k])
                    np.greater(rem, m[k], out=rem)
                np.multiply(dz, m.reshape(2,2,G,-1), out=dM4[0::3, 0::3])
            else:
                yg = y[2*start:2*stop]
                dyg = dy.reshape(oh, ow, -1)[2*start:2*stop]
                if self.activation:
                    m = ctx.scratch("sel", yg.shape, bool)
                    np.greater(yg, 0, out=m)
                for a in range(2):
                    for b in range(2):
                        o = dM[3*a, 3*b]
                        k, l = dyg[a::2, b::2].shape[:2]
                        if self.activation:
                            np.multiply(dyg[a::2,b::2], m[a::2,b::2], out=o[:k,:l])
                        else:
                            np.copyto(o[:k,:l], dyg[a::2,b::2])
                        if k < G: o[k:].fill(0)
                        if l < t: o[:, l:].fill(0)
            spread_outputs(dM[:, 0::3])
            spread_outputs(dM.transpose(1, 0, 2, 3, 4))
            dMm = dM.reshape(16, -1, f)
            v = self._V(x, rows, cols, (start, stop), ctx)
            np.matmul(v.transpose(0, 2, 1), dMm, out=part)
            if self.conv.use_bias:
                one = constant(1.0, dMm.shape[1], dt.name)
                if first: np.matmul(one, dMm[5], out=g["bias"])
                else: g["bias"] += one @ dMm[5]
            if len(gr) > 1:
                if first: np.copyto(dU, part)
                else: np.add(dU, part, out=dU)
            if need_dx:
                np.matmul(dMm, U.transpose(0, 2, 1), out=v)
                v = v.reshape(4, 4, G, -1)
                work = ctx.scratch("work", (4, G, t*n*c), dt)
                R = ctx.scratch("dR", (4, 2*G+2, t*n*c), dt)
                write_tiles(v, R, Axis(2*G+2, 0, G), work)
                carry = ctx.scratch("carry", (4, 2, t*n*c), dt)
                if not first: np.add(R[:, :2], carry, out=R[:, :2])
                if stop < rows.tiles: np.copyto(carry, R[:, 2*G:])
                lo = 2*start - rows.before
                hi = 2*stop - rows.before + (2 if stop == rows.tiles else 0)
                a, b = max(lo, 0), min(hi, h)
                Rs = R[:, a-lo:b-lo].reshape(4, b-a, t, n*c) if False else R.reshape(4, 2*G+2, t, n*c)[:, a-lo:b-lo]
                wk = ctx.scratch("work", (b-a, t, n*c), dt)
                write_tiles(Rs, dx[a:b], cols, wk)
            first = False
        np.matmul(kernel_matrix(dt.name).T, dU.reshape(16, -1), out=g["kernel"].reshape(9, -1))
        return as_images(dx.reshape(h, w, n, c)) if need_dx else None
