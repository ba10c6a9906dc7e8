/** The kind `none`: no index; every key may be there. Encoded as nothing. */
import {
  corruption,
  EMPTY_BYTES,
  POINT_ABSENT,
  POINT_MAYBE,
  type PointIndex,
  type PointIndexBuilder,
  type PointIndexKind,
} from '@lsm/core';

const alwaysMaybe: PointIndex = {
  memoryBytes: 0,
  slotBits: 0,
  first: () => POINT_MAYBE,
  next: () => POINT_ABSENT,
  touch: () => 0,
};

const nothing: PointIndexBuilder = { add() {}, finish: () => EMPTY_BYTES };

/** No point index: 0 bits per key, false positive rate 1. */
export const none: PointIndexKind = {
  name: 'none',
  id: 0,
  rate: () => ({ bitsPerKey: 0, falsePositiveRate: 1 }),
  builder: () => nothing,
  open(bytes) {
    if (bytes.length !== 0) {
      throw corruption(`A point index of kind none has ${bytes.length} bytes instead of 0`);
    }
    return alwaysMaybe;
  },
};
