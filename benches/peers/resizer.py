"""img2dataset's resizer as its workers call it, on one thread.

usage: resizer.py FOLDER            makes a copy of every image, five times; prints `copies seconds` of the fastest
       resizer.py --make PNGS JPEGS makes the folder JPEGS of the folder PNGS, on white
"""

import io
import sys
import time
from pathlib import Path

import cv2
import numpy
from img2dataset.resizer import Resizer


def make(pngs, jpegs):
    jpegs.mkdir()
    for path in sorted(pngs.iterdir()):
        picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if picture.ndim == 3 and picture.shape[2] == 4:
            alpha = picture[:, :, 3:] / 255
            picture = numpy.rint(picture[:, :, :3] * alpha + 255 * (1 - alpha)).astype(numpy.uint8)
        cv2.imwrite(str(jpegs / f"{path.stem}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 90])


def copies(folder):
    images = [path.read_bytes() for path in sorted(folder.iterdir())]
    resizer = Resizer(image_size=256, resize_mode="keep_ratio_largest", resize_only_if_bigger=False, encode_quality=95, encode_format="jpg")
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        made = sum(resizer(io.BytesIO(image))[0] is not None for image in images)
        taken.append((time.perf_counter() - begun, made))
    seconds, made = min(taken)
    print(made, seconds)


if sys.argv[1] == "--make":
    make(*map(Path, sys.argv[2:]))
else:
    copies(Path(sys.argv[1]))
