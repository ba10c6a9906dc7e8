/** What wrappers of strategies have in common: they are the inner one, but for its plan and its name. */
import type { CompactionPlan, CompactionStrategy, Json, TreeSnapshot } from '@lsm/core';

/** The optional methods, called on the strategy that they belong to. */
function methodsOf<S extends Json>(inner: CompactionStrategy<S>): Partial<CompactionStrategy<S>> {
  const methods: Partial<CompactionStrategy<S>> = {};
  if (inner.initialState !== undefined) methods.initialState = () => inner.initialState!();
  if (inner.predict !== undefined) methods.predict = (workload) => inner.predict!(workload);
  if (inner.bounds !== undefined) methods.bounds = (workload) => inner.bounds!(workload);
  if (inner.flush !== undefined) methods.flush = (snapshot) => inner.flush!(snapshot);
  return methods;
}

/**
 * The strategy with another `plan`, another name, and everything else as it was.
 *
 * @param dueAt - when time alone changes what `plan` says, engine clock, ms; default never
 */
export function wrap<S extends Json>(
  inner: CompactionStrategy<S>,
  name: string,
  settings: { readonly [setting: string]: Json },
  plan: (snapshot: TreeSnapshot, state: S) => CompactionPlan<S>,
  rewrap: (strategy: CompactionStrategy<S>) => CompactionStrategy<S>,
  dueAt: (snapshot: TreeSnapshot) => number = () => Number.POSITIVE_INFINITY,
): CompactionStrategy<S> {
  const wrapped: CompactionStrategy<S> = {
    ...methodsOf(inner),
    name: `${name}(${inner.name})`,
    formatVersion: inner.formatVersion,
    settings: { ...settings, inner: inner.settings },
    lossy: inner.lossy === true,
    plan,
    assess(snapshot) {
      const state = (inner.initialState?.() ?? null) as S;
      const isIdle = snapshot.inProgress.length === 0;
      const quiescent = isIdle && plan(snapshot, state).tasks.length === 0;
      const health = inner.assess(snapshot);
      const replanAt = Math.min(health.replanAt ?? Number.POSITIVE_INFINITY, dueAt(snapshot));
      const again = replanAt === Number.POSITIVE_INFINITY ? {} : { replanAt };
      return { ...health, quiescent, ...again };
    },
    ...(inner.withSettings === undefined
      ? {}
      : { withSettings: (changes) => rewrap(inner.withSettings!(changes)) }),
  };
  return Object.freeze(wrapped);
}
