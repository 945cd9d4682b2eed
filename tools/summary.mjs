// One line that counts the tests of a run, from the report of vitest's JSON reporter.
import { readFileSync } from 'node:fs';

/** `N passed, N failed, N skipped`; a test file that failed before its first test counts as one failure, as does a missing report. */
export function summarize(report) {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const file of filesOf(report)) {
    const before = counts.failed;
    for (const { status } of file.assertionResults) {
      if (status === 'passed') counts.passed++;
      else if (status === 'failed') counts.failed++;
      else counts.skipped++;
    }
    if (file.status === 'failed' && counts.failed === before) counts.failed++;
  }
  return { ...counts, line: `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped` };
}

function filesOf(report) {
  try {
    return JSON.parse(readFileSync(report, 'utf8')).testResults;
  } catch {
    return [{ status: 'failed', assertionResults: [] }];
  }
}
