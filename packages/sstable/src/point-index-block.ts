/** Loads the point index of a table through the kinds that the environment knows. */
import {
  isLsmError,
  LsmError,
  POINT_ABSENT,
  POINT_MAYBE,
  type PointIndex,
  type PointIndexKind,
} from '@lsm/core';
import type { BlockSource } from './block-source.ts';
import type { Footer } from './footer.ts';
import { BlockKind } from './format.ts';
import { readSection, readSectionAsync } from './table-ends.ts';

/** The answer of a table without a point index. */
const NO_POINT_INDEX: PointIndex = {
  memoryBytes: 0,
  slotBits: 0,
  first: () => POINT_MAYBE,
  next: () => POINT_ABSENT,
  touch: () => 0,
};

/**
 * The kind of a table's point index; `null` if it has none.
 *
 * @throws LSM_UNSUPPORTED_FORMAT if the kind is not among `kinds`
 */
export function pointIndexKindOf(
  footer: Footer,
  kinds: readonly PointIndexKind[],
  file: string,
): PointIndexKind | null {
  if (footer.pointIndex.length === 0) return null;
  const kind = kinds.find((candidate) => candidate.id === footer.pointIndexKind);
  if (kind !== undefined) return kind;
  throw new LsmError(
    'LSM_UNSUPPORTED_FORMAT',
    `The table has a point index of kind ${footer.pointIndexKind}, which this software does not know.`,
    { file, offset: footer.pointIndex.offset },
  );
}

/** Reads, checks and opens the point index. */
export function loadPointIndex(source: BlockSource): PointIndex {
  const { handle, footer, environment } = source;
  const kind = pointIndexKindOf(footer, environment.kinds, handle.path);
  if (kind === null) return NO_POINT_INDEX;
  const payload = readSection(handle, footer.pointIndex, BlockKind.pointIndex, footer.fileId);
  return openPointIndex(source, kind, payload);
}

/** As {@link loadPointIndex}, off the caller's thread. */
export async function loadPointIndexAsync(source: BlockSource): Promise<PointIndex> {
  const { handle, footer, environment } = source;
  const kind = pointIndexKindOf(footer, environment.kinds, handle.path);
  if (kind === null) return NO_POINT_INDEX;
  const section = footer.pointIndex;
  const payload = await readSectionAsync(handle, section, BlockKind.pointIndex, footer.fileId);
  source.checkOpen();
  return openPointIndex(source, kind, payload);
}

function openPointIndex(
  source: BlockSource,
  kind: PointIndexKind,
  payload: Uint8Array,
): PointIndex {
  source.environment.counters.indexLoads++;
  try {
    return kind.open(payload);
  } catch (error) {
    if (!isLsmError(error)) throw error;
    const file = source.handle.path;
    const { offset } = source.footer.pointIndex;
    throw new LsmError(error.code, error.message, { cause: error, file, offset });
  }
}
