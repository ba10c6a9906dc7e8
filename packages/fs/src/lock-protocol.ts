/**
 * How one of many contenders becomes the owner of a directory, without a lock to begin with.
 *
 * A *claim* is a name `LOCK.<generation>` that can be created only once and of which everybody can tell whether its
 * creator lives. Generations only grow while any claim stands:
 *
 * 1. Look at all claims. One alive: the directory is locked.
 * 2. Claim the generation after the highest. Taken meanwhile: start again.
 * 3. Look at all other claims once more. One alive, or the own one gone: give up the claim, wait, start again.
 * 4. Own the directory; remove the dead claims.
 *
 * I1 Of two contenders that both passed step 2, the later one sees the earlier in step 3; so at most one owns.
 * I2 Only an owner removes claims of others, and only those it saw dead after its own claim stood.
 * I3 A claim that stands before its creator counts as alive (file without links: created, then written) may be taken
 *    for dead and removed by an owner; its creator notices in step 3.
 *
 * The test checks all interleavings of two and three contenders, with crashes, against this file.
 */

/** A claim that this process has made. */
export interface LockClaim {
  readonly generation: number;
  readonly kind: string;
  /** Whether the name still stands for this claim. */
  holds(): Promise<boolean>;
  /** Gives it up: removes the name if it still stands for this claim; idempotent. */
  release(): void;
}

/** The claims of one directory. All methods see the present, not a cache. */
export interface LockClaims {
  /** Generations whose names exist. */
  generations(): Promise<number[]>;
  /** Whether the creator of a claim lives; a claim that is gone is not alive. */
  isAlive(generation: number): Promise<boolean>;
  /** Creates a claim; `null` if the name exists. */
  claim(generation: number): Promise<LockClaim | null>;
  /** Removes a name, if it exists. */
  remove(generation: number): Promise<void>;
  /** Waits a short random time that grows with `attempt`. */
  pause(attempt: number): Promise<void>;
}

/** How often contenders that met each other try again before they report a conflict. */
const ATTEMPTS_MAX = 8;

/**
 * Runs the protocol.
 *
 * @returns the claim that owns the directory, or the generation that is in the way (0: several contended)
 */
export async function takeDirectory(claims: LockClaims): Promise<LockClaim | number> {
  let conflict = 0;
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const seen = await claims.generations();
    const alive = await firstAlive(claims, seen);
    if (alive !== 0) return alive;
    const claim = await claims.claim(Math.max(0, ...seen) + 1);
    if (claim !== null) {
      const others = (await claims.generations()).filter((g) => g !== claim.generation);
      conflict = await firstAlive(claims, others);
      if (conflict === 0 && (await claim.holds())) {
        for (const generation of others) await claims.remove(generation);
        return claim;
      }
      claim.release();
    }
    await claims.pause(attempt);
  }
  return conflict;
}

async function firstAlive(claims: LockClaims, generations: readonly number[]): Promise<number> {
  for (const generation of generations) {
    if (await claims.isAlive(generation)) return generation;
  }
  return 0;
}
