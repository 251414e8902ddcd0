import type { Scenario } from '../scenario.ts';
export const replay: Scenario = async () => ({
  title: 'replay',
  columns: [],
  rows: [],
  goals: [],
  notes: [],
});
