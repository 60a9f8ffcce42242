"""Predicts mattes and 2-D keypoints of a video with MediaPipe Pose, as files to compare with.

    python -m venv .mediapipe && .mediapipe/bin/pip install mediapipe==0.10.21
    npm pack @mediapipe/pose && tar xzf mediapipe-pose-*.tgz
    .mediapipe/bin/python experiments/mediapipe_pose.py --video=FILE --output=DIR \\
        --model=package/pose_landmark_heavy.tflite

MediaPipe needs an older NumPy than this package, so the script imports none of it and runs in an
environment of its own. DIR holds `matte.npy`, `keypoints2d.npy` and `meta.json` as
`experiments.predict` writes them; joints other than COCO's 17, and frames in which nobody was
found, are NaN with confidence 0. Then `experiments.compare` takes it from there.
"""

import argparse
import json
import shutil
from pathlib import Path

import cv2
import mediapipe
import numpy as np

# COCO's 17 joints among MediaPipe's 33 landmarks.
COCO17 = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
JOINTS = 52  # as many as THFM's, of which COCO's are the first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--video", required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--model", required=True, help="pose_landmark_heavy.tflite")
    arguments = parser.parse_args()
    _install(arguments.model)
    arguments.output.mkdir(parents=True)

    capture = cv2.VideoCapture(arguments.video)
    fps = capture.get(cv2.CAP_PROP_FPS)
    pose = mediapipe.solutions.pose.Pose(model_complexity=2, enable_segmentation=True)
    mattes, points = [], []
    while (read := capture.read())[0]:
        matte, landmarks = _predict(pose, read[1])
        mattes.append(matte)
        points.append(landmarks)
    if not mattes:
        raise SystemExit(f"error: {arguments.video} has no frame that OpenCV reads")
    np.save(arguments.output / "matte.npy", np.stack(mattes))
    np.save(arguments.output / "keypoints2d.npy", np.stack(points))
    meta = {
        "model": f"MediaPipe Pose {mediapipe.__version__}, heavy",
        "trained": True,
        "fps": fps,
        "frames": len(mattes),
        "height": mattes[0].shape[0],
        "width": mattes[0].shape[1],
        "units": {"matte": "alpha", "keypoints2d": "pixels"},
    }
    (arguments.output / "meta.json").write_text(json.dumps(meta, indent=2) + "\n")


def _install(model: str) -> None:
    """Puts the heavy model where MediaPipe looks for it; its wheel comes without."""
    place = Path(mediapipe.__file__).parent / "modules" / "pose_landmark"
    shutil.copyfile(model, place / "pose_landmark_heavy.tflite")


def _predict(pose, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Matte [H, W] and keypoints [52, 3] (x, y in pixels, confidence), float32, of a BGR frame."""
    height, width = frame.shape[:2]
    found = pose.process(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
    points = np.full((JOINTS, 3), np.nan, np.float32)
    points[:, 2] = 0
    if found.pose_landmarks is None:
        return np.zeros((height, width), np.float32), points
    landmarks = found.pose_landmarks.landmark
    for joint, index in enumerate(COCO17):
        mark = landmarks[index]
        points[joint] = mark.x * width, mark.y * height, mark.visibility
    return found.segmentation_mask.astype(np.float32), points


if __name__ == "__main__":
    main()
