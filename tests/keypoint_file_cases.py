"""One table of keypoint files for the tests of kp-io and of kp-metrics: both must read each of them alike."""

from json_file_cases import JSON_CASES
from table_file_cases import TABLE_CASES

CASES = [*TABLE_CASES, *JSON_CASES]
