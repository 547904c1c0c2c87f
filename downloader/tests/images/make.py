#!/usr/bin/env python3
"""Makes the images of this folder: see README.md. Needs `pip install imagecodecs pillow pillow-heif pillow-jxl-plugin`."""

import io
import struct
from pathlib import Path

import imagecodecs
import numpy
import pillow_heif
import pillow_jxl  # noqa: F401, registers JPEG XL
from PIL import Image

HERE = Path(__file__).parent
WIDTH, HEIGHT = 24, 18

pillow_heif.register_heif_opener()


def picture(shift=0, mode="RGB"):
    """Not of one colour, so that its coded form is no special case."""
    image = Image.new("RGBA", (WIDTH, HEIGHT))
    for y in range(HEIGHT):
        for x in range(WIDTH):
            red, green = (x * 10 + shift) % 256, (y * 14 + shift) % 256
            image.putpixel((x, y), (red, green, (x * y + shift) % 256, 255 - x * 4))
    return image.convert(mode)


def save(name, image, **options):
    image.save(HERE / name, **options)


def tiled_tiff():
    """One strip less in the world: tiles of 16 by 16, uncompressed, the directory before them."""
    pixels = picture(mode="L").load()
    tiles = []
    for top in range(0, HEIGHT, 16):
        for left in range(0, WIDTH, 16):
            inside = lambda x, y: x < WIDTH and y < HEIGHT
            square = [(left + x, top + y) for y in range(16) for x in range(16)]
            tiles.append(bytes(pixels[x, y] if inside(x, y) else 0 for x, y in square))
    entries = 10
    arrays = 8 + 2 + entries * 12 + 4
    data = arrays + 2 * 4 * len(tiles)
    offsets = [data + 256 * index for index in range(len(tiles))]
    fields = [
        (256, 3, 1, WIDTH), (257, 3, 1, HEIGHT), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, 1),
        (322, 3, 1, 16), (323, 3, 1, 16), (324, 4, len(tiles), arrays), (325, 4, len(tiles), arrays + 4 * len(tiles)),
    ]
    file = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(fields))
    for tag, kind, count, value in fields:
        file += struct.pack("<HHII", tag, kind, count, value)
    file += struct.pack("<I", 0)
    file += struct.pack(f"<{len(tiles)}I", *offsets) + struct.pack(f"<{len(tiles)}I", *[256] * len(tiles))
    return file + b"".join(tiles)


def run_length_bmp():
    """Eight bits a pixel in runs, each row with its end, the picture with its own."""
    colours = b"".join(bytes((index, 255 - index, 128, 0)) for index in range(256))
    rows = b""
    for y in range(HEIGHT):
        rows += b"".join(bytes((4, (x * 8 + y) % 256)) for x in range(0, WIDTH - 4, 4))
        rows += bytes((0, 4, 1, 2, 3, 4)) + b"\0\0"
    rows += b"\0\1"
    offset = 14 + 40 + len(colours)
    header = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 8, 1, len(rows), 2835, 2835, 256, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset) + header + colours + rows


def with_thumbnail():
    """A JPEG that holds another, with its own end, in its Exif segment."""
    small = io.BytesIO()
    picture().resize((8, 6)).save(small, "JPEG", quality=20)
    thumbnail = small.getvalue()
    fields = [(0x103, 3, 1, 6), (0x201, 4, 1, 8 + 2 + 36 + 4), (0x202, 4, 1, len(thumbnail))]
    tiff = b"II*\0" + struct.pack("<IH", 8, len(fields))
    tiff += b"".join(struct.pack("<HHII", *field) for field in fields) + struct.pack("<I", 0) + thumbnail
    return b"Exif\0\0" + tiff


def box(name, *content):
    content = b"".join(content)
    return struct.pack(">I", 8 + len(content)) + name + content


def coded(file):
    """What AV1 has coded in a file that has nothing else in its mdat, and the properties of that."""
    def find(data, name):
        at = data.index(name) - 4
        return data[at : at + struct.unpack_from(">I", data, at)[0]]
    return find(file, b"mdat")[8:], find(file, b"av1C")


def avif(image, **options):
    file = io.BytesIO()
    image.save(file, "AVIF", **options)
    return file.getvalue()


def grid_avif():
    """Two tiles of 64 by 64, which is the least, beside each other; cut to 72 by 64, of which the picture is a part, turned by half."""
    whole = Image.new("RGB", (128, 64))
    whole.paste(picture().rotate(180), (44, 20))
    tiles = []
    for left in (0, 64):
        data, configuration = coded(avif(whole.crop((left, 0, left + 64, 64)), quality=60))
        tiles.append(data)
    left = struct.pack(">8i", WIDTH, 1, HEIGHT, 1, 44 - (72 - WIDTH) // 2, 1, 20 - (64 - HEIGHT) // 2, 1)
    full = lambda name, version, *content: box(name, bytes((version, 0, 0, 0)), *content)
    entry = lambda item, kind: full(b"infe", 2, struct.pack(">HH", item, 0), kind, b"\0")
    size = lambda width: full(b"ispe", 0, struct.pack(">II", width, 64))
    association = lambda item, *indices: struct.pack(">HB", item, len(indices)) + bytes(indices)
    layout = struct.pack(">BBBBHH", 0, 0, 0, 1, 72, 64)
    kind = box(b"ftyp", b"avif", bytes(4), b"avifmif1miaf")

    def meta(offset):
        places = [(1, 1, 0, len(layout)), (2, 0, offset, len(tiles[0])), (3, 0, offset + len(tiles[0]), len(tiles[1]))]
        located = b"".join(struct.pack(">HHHHII", item, how, 0, 1, at, length) for item, how, at, length in places)
        return full(
            b"meta", 0,
            full(b"hdlr", 0, bytes(4), b"pict", bytes(13)),
            full(b"pitm", 0, struct.pack(">H", 1)),
            full(b"iloc", 1, struct.pack(">BBH", 0x44, 0, 3), located),
            full(b"iinf", 0, struct.pack(">H", 3), entry(1, b"grid"), entry(2, b"av01"), entry(3, b"av01")),
            full(b"iref", 0, box(b"dimg", struct.pack(">HHHH", 1, 2, 2, 3))),
            box(
                b"iprp",
                box(b"ipco", size(72), size(64), configuration, box(b"clap", left), box(b"irot", b"\2")),
                full(b"ipma", 0, struct.pack(">I", 3), association(1, 1, 0x84, 0x85), association(2, 2, 0x83), association(3, 2, 0x83)),
            ),
            box(b"idat", layout),
        )

    before = len(kind) + len(meta(0)) + 8
    return kind + meta(before) + box(b"mdat", *tiles)


def deep_avif():
    """Ten bits a sample, as many samples of the colours as there are pixels."""
    pixels = numpy.asarray(picture()).astype(numpy.uint16) * 4 + 3
    return imagecodecs.avif_encode(pixels, level=60, bitspersample=10, pixelformat="444", numthreads=1)


def main():
    frames = [picture(shift) for shift in (0, 40, 80)]
    save("baseline.jpg", picture(), quality=70)
    save("progressive.jpg", picture(), quality=70, progressive=True)
    save("grey-restarts.jpg", picture(mode="L"), quality=70, restart_marker_rows=1)
    save("thumbnail.jpg", picture(), quality=40, exif=with_thumbnail())
    save("plain.png", picture(mode="RGBA"))
    save("palette.png", picture(mode="P"))
    save("animated.png", frames[0], save_all=True, append_images=frames[1:], duration=100)
    save("still.gif", picture(mode="L").quantize(16))
    small = [frame.convert("L").quantize(16) for frame in frames]
    save("animated.gif", small[0], save_all=True, append_images=small[1:], duration=100, loop=0)
    save("lossy.webp", picture(), quality=60)
    save("lossless.webp", picture(), lossless=True)
    save("alpha.webp", picture(mode="RGBA"), quality=60)
    save("animated.webp", frames[0], save_all=True, append_images=frames[1:], duration=100, quality=40)
    save("plain.avif", picture(), quality=60)
    save("alpha.avif", picture(mode="RGBA"), quality=60)
    save("animated.avif", frames[0], save_all=True, append_images=frames[1:], duration=100, quality=40)
    save("grey.avif", picture(mode="L"), quality=60, subsampling="4:0:0")
    save("narrow.avif", picture(), quality=60, subsampling="4:2:2", range="limited")
    (HERE / "grid.avif").write_bytes(grid_avif())
    (HERE / "deep.avif").write_bytes(deep_avif())
    save("plain.heic", picture(), quality=60)
    save("bare.jxl", picture(), quality=80, use_container=False)
    save("container.jxl", picture(), quality=80, use_container=True)
    save("lossless.jxl", picture(mode="RGBA"), lossless=True)
    save("plain.bmp", picture())
    save("palette.bmp", picture(mode="1"))
    (HERE / "runs.bmp").write_bytes(run_length_bmp())
    save("png.ico", picture(mode="RGBA"), sizes=[(16, 16), (24, 18)])
    save("bmp.ico", picture(mode="RGBA"), sizes=[(16, 16)], bitmap_format="bmp")
    save("strips.tiff", picture())
    save("lzw.tiff", picture(mode="L"), compression="tiff_lzw")
    save("deflate.tiff", picture(mode="L"), compression="tiff_adobe_deflate")
    save("big.tiff", picture(mode="L"), big_tiff=True)
    save("pages.tiff", picture(mode="L"), save_all=True, append_images=[picture(40, "L")])
    # It is filled up behind the last strip.
    with open(HERE / "pages.tiff", "r+b") as file:
        file.truncate(1114)
    (HERE / "tiles.tiff").write_bytes(tiled_tiff())


main()
