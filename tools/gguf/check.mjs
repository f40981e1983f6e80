// Reads what `weights` writes as GGUF with @huggingface/gguf, a parser that shares nothing with it, and compares: names, types, shapes and
// digests of the tensors, and the metadata with its types.
//
//     node check.mjs BINARY FIXTURES
import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { gguf, GGMLQuantizationType } from "@huggingface/gguf";

const [binary, fixtures] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "weights-gguf-"));
let passed = 0;
let failed = 0;

function weights(...args) {
  const [command, first] = binary.endsWith(".dll") ? ["dotnet", [binary]] : [binary, []];
  return execFileSync(command, [...first, ...args], { encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"] });
}

function equal(expected, actual) {
  if (Array.isArray(expected)) {
    return Array.isArray(actual) && expected.length === actual.length && expected.every((item, index) => equal(item, actual[index]));
  }
  if (typeof actual === "bigint") {
    return BigInt(expected) === actual;
  }
  // The shortest digits of a float are not the double that it widens to.
  return expected === actual || (typeof expected === "number" && Math.fround(expected) === actual);
}

async function check(name, source, written, types) {
  const problems = [];
  try {
    const report = JSON.parse(weights("inspect", source, "--json"));
    const digests = new Map(JSON.parse(weights("checksum", written, "--json")).files[0].tensors.map((tensor) => [tensor.name, tensor]));
    const bytes = readFileSync(written);
    const parsed = await gguf(written, { allowLocalFile: true });
    if (report.tensors.length !== parsed.tensorInfos.length) {
      problems.push(`${parsed.tensorInfos.length} tensors instead of ${report.tensors.length}`);
    }
    report.tensors.forEach((tensor, index) => {
      const info = parsed.tensorInfos[index];
      const dtype = types?.get(tensor.name) ?? tensor.dtype;
      const found = `${info?.name} ${GGMLQuantizationType[info?.dtype]?.toUpperCase()} [${info?.shape.toReversed().join(", ")}]`;
      const expected = `${tensor.name} ${dtype} [${tensor.shape.join(", ")}]`;
      if (found !== expected) {
        problems.push(`${found} instead of ${expected}`);
        return;
      }
      const start = Number(parsed.tensorDataOffset + info.offset);
      const digest = createHash("sha256").update(bytes.subarray(start, start + digests.get(tensor.name).bytes)).digest("hex");
      if (digest !== digests.get(tensor.name).digest) {
        problems.push(`${tensor.name} has other bytes at ${start}`);
      }
    });
    for (const [key, value] of Object.entries(report.metadata)) {
      const found = parsed.metadata[key];
      // What GGUF does not hold is kept as JSON.
      if (!equal(value, found) && !(typeof value === "object" && typeof found === "string" && isDeepStrictEqual(JSON.parse(found), value))) {
        problems.push(`${key} is ${found} instead of ${JSON.stringify(value)}`);
      }
    }
  } catch (error) {
    problems.push(error.message);
  }
  problems.length === 0 ? passed++ : failed++;
  problems.forEach((problem) => console.log(`${name}: ${problem}`));
}

for (const file of readdirSync(join(fixtures, "gguf", "valid")).filter((file) => file.endsWith(".gguf"))) {
  const source = join(fixtures, "gguf", "valid", file);
  const written = join(folder, file);
  weights("convert", source, written, "--quiet");
  await check(file, source, written);
}
for (const file of ["safetensors/valid/torch-state-dict-format.safetensors", "pytorch/valid/checkpoint-lightning.ckpt"]) {
  const written = join(folder, "converted.gguf");
  weights("convert", join(fixtures, file), written, "--quiet", "--force");
  await check(file, join(fixtures, file), written);
}
for (const scheme of ["q4_0", "q4_k_m", "q5_k_s", "q8_0", "iq4_xs", "iq2_xxs", "iq1_m", "tq2_0", "bf16"]) {
  const source = join(fixtures, "quantize", "tiny.safetensors");
  const written = join(folder, `${scheme}.gguf`);
  const report = JSON.parse(weights("quantize", source, written, "--scheme", scheme, "--imatrix", join(fixtures, "quantize", "imatrix.gguf"), "--json"));
  await check(scheme, source, written, new Map(report.tensors.map((tensor) => [tensor.name, tensor.dtype])));
}
rmSync(folder, { recursive: true });
console.log(`cross-check: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
