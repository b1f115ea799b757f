# SPDX-License-Identifier: MIT
"""The convolutional tangent kernel in NumPy: ReLU, 3 x 3 filters, zero padding, global average pooling.

One picture against all others at once, so that every call of NumPy works on long arrays.
Source: Arora et al., NeurIPS 2019, sec. 4.
"""
import numpy


def shifted_sum(m, height, width):
    """Sum over the shifts of a 3 x 3 filter, the same for both pixels: along lines, then across them."""
    batch = m.shape[0]
    m = m.reshape(batch, height, width, height, width)
    along = m.copy()
    along[:, :, 1:, :, 1:] += m[:, :, :-1, :, :-1]
    along[:, :, :-1, :, :-1] += m[:, :, 1:, :, 1:]
    out = along.copy()
    out[:, 1:, :, 1:, :] += along[:, :-1, :, :-1, :]
    out[:, :-1, :, :-1, :] += along[:, 1:, :, 1:, :]
    return out.reshape(batch, height * width, height * width)


def dual(s, a, b):
    """D and E of the ReLU."""
    root = a * b
    root -= s * s
    numpy.maximum(root, 0, out=root)
    numpy.sqrt(root, out=root)
    slope = numpy.arctan2(root, s)
    slope *= -0.5 / numpy.pi
    slope += 0.5
    root *= 0.5 / numpy.pi
    root += slope * s
    return root, slope


def variances(x, layers):
    """Of every pixel, layer by layer: [layers, pictures, pixels]."""
    n, _, height, width = x.shape

    def box(v):
        v = v.reshape(n, height, width)
        padded = numpy.pad(v, ((0, 0), (1, 1), (1, 1)))
        out = sum(padded[:, i:i + height, j:j + width] for i in range(3) for j in range(3))
        return 2 / 9 * out.reshape(n, height * width)

    s = box((x * x).sum(axis=1))
    found = [s]
    for _ in range(layers - 1):
        s = box(s / 2)
        found.append(s)
    return numpy.stack(found)


def cntk_gram(x, layers):
    """x [pictures, channels, height, width]; the Gram matrix [pictures, pictures]."""
    n, channels, height, width = x.shape
    flat = x.reshape(n, channels, height * width)
    own = variances(x, layers)
    out = numpy.empty((n, n))
    for i in range(n):
        others = slice(0, i + 1)
        s = numpy.matmul(flat[i].T[None], flat[others])  # [others, pixels, pixels]
        s = shifted_sum(s, height, width)
        s *= 2 / 9
        t = s.copy()
        for layer in range(layers):
            d, e = dual(s, own[layer, i][None, :, None], own[layer, others][:, None, :])
            e *= t
            e += d
            if layer + 1 == layers:
                out[i, others] = out[others, i] = e.mean(axis=(1, 2))
                break
            s, t = shifted_sum(d, height, width), shifted_sum(e, height, width)
            s *= 2 / 9
            t *= 2 / 9
    return out
