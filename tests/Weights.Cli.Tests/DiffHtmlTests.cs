using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.RegularExpressions;
using Weights.Formats;
using Weights.IO;

namespace Weights.Cli.Tests;

/// <summary>The page of <c>weights diff --html</c>: as text, and in a browser.</summary>
public sealed partial class DiffHtmlTests : IDisposable
{
    private const string Hostile = "<script>document.title='owned'</script><img src=x onerror=document.title='owned'>\"'`&\u202Ex";
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_page_loads_nothing_and_lets_no_script_run_but_its_own()
    {
        string page = Page(10);
        Assert.Single(Scripts().Matches(page));
        Assert.Contains("default-src 'none'", page);
        Assert.DoesNotContain("https://", page);
        Assert.Equal(1, Browser.Count(page, "http://")); // The name of SVG's elements.
        Assert.DoesNotContain("<img", page);
        Assert.DoesNotContain('\u202E', page);
        Assert.Contains("&lt;script&gt;document.title=&#39;owned&#39;&lt;/script&gt;", page);
        Assert.Equal(page, Page(10));
    }

    [Fact]
    public void A_browser_shows_every_tensor_and_runs_nothing_of_a_name()
    {
        string page = Page(10);
        if (Browser.Path is null)
        {
            return;
        }
        (string document, string console) = Browser.Open(_folder, "page.html");
        using JsonDocument report = JsonDocument.Parse(Tool.Run(_folder.Path, "diff", "a.safetensors", "b.safetensors", "--json").Output);
        int tensors = report.RootElement.GetProperty("tensors").GetArrayLength();
        Assert.Equal("", console);
        Assert.Contains($"data-ready=\"{tensors}\"", document);
        Assert.Equal(tensors, Browser.Count(document, "<tr data-order="));
        Assert.Contains("a.safetensors and b.safetensors: weights diff</title>", document);
        Assert.DoesNotContain("<img", document);
        Assert.Single(Scripts().Matches(document));
        Assert.Equal(report.RootElement.GetProperty("tensors").EnumerateArray().Count(static tensor => tensor.GetProperty("statistics").ValueKind == JsonValueKind.Object), Browser.Count(document, "<svg class=\"spark\""));
        Assert.Contains($"{tensors} of {tensors} tensors shown", document);
    }

    [Fact]
    public void In_a_browser_tensors_are_sorted_filtered_and_opened()
    {
        // The page's policy would let no script of ours run.
        string page = Policy().Replace(Page(1200), "");
        const string script = """
            <script>
            const seen = [];
            const names = () => [...document.querySelectorAll('#tensors tbody tr[data-kind]:not([hidden]) th')].map(cell => cell.textContent);
            const heads = [...document.querySelectorAll('#tensors thead button')];
            const head = title => heads.find(one => one.textContent === title);
            const type = text => { const box = document.getElementById('search'); box.value = text; box.dispatchEvent(new Event('input')); };
            seen.push(names().length);
            document.getElementById('more').click(); seen.push(names().length);
            head('max |Δ|').click(); seen.push(names()[0]);
            head('max |Δ|').click(); seen.push(names()[0]);
            head('tensor').click(); head('tensor').click(); head('tensor').click(); seen.push(names().filter(name => name.startsWith('layers.')).slice(0, 3).join(','));
            type('LAYERS.11 weight'); seen.push(names().length);
            type(''); document.querySelector('#kinds .chip[data-kind=changed]').click(); seen.push(names().length);
            type('layers.3.weight'); document.querySelector('#tensors tbody tr:not([hidden]) .link').click();
            seen.push(document.querySelectorAll('.detail rect').length > 0, document.querySelector('.detail dl').textContent.includes('layers.3.weight F32 [64]'));
            document.querySelector('#tensors tbody tr:not([hidden]) .link').click(); seen.push(document.querySelectorAll('.detail').length);
            type(''); document.querySelector('#layers .link[data-layer="layers.7"]').click(); seen.push(names().join(','));
            document.body.replaceChildren(JSON.stringify(seen));
            </script>
            """;
        if (Browser.Path is null)
        {
            return;
        }
        File.WriteAllText(_folder.File("driven.html"), page.Replace("</body>", $"{script}</body>", StringComparison.Ordinal));
        (string document, string console) = Browser.Open(_folder, "driven.html");
        Assert.Equal("", console);
        Assert.Equal("[500,1203,\"layers.1199.weight\",\"layers.1.weight\",\"layers.0.weight,layers.1.weight,layers.2.weight\",111,500,true,true,0,\"layers.7.weight\"]", Body().Match(document).Groups[1].Value.Trim());
    }

    [Fact]
    public void Five_thousand_tensors_are_a_page_that_a_browser_shows()
    {
        string page = Page(5000);
        Assert.InRange(page.Length, 1_000_000, 12_000_000);
        if (Browser.Path is null)
        {
            return;
        }
        (string document, string console) = Browser.Open(_folder, "page.html");
        Assert.Equal("", console);
        Assert.Contains("data-ready=\"5003\"", document);
        Assert.Equal(5003 - 500, Browser.Count(document, " hidden=\"\"><th"));
    }

    // Layers of which the first is as it was, each of the others further from what it was than the one before; and a hostile name.
    private string Page(int layers)
    {
        foreach ((string name, float factor) in ((string, float)[])[("a.safetensors", 0), ("b.safetensors", 1e-6f)])
        {
            List<Tensor> tensors = [.. Enumerable.Range(0, layers).Select(layer => Floats($"layers.{layer}.weight", 64, index => 1 + (index / 64f) + (layer * factor)))];
            tensors.Add(Floats(Hostile, 4, static _ => 1));
            tensors.Add(Floats(factor == 0 ? "gone" : "come", factor == 0 ? 3 : 5, static _ => 2));
            using Checkpoint checkpoint = new(tensors, new Origin("memory", "none", "", 0));
            using Output output = new(_folder.File(name), replace: true);
            output.Write(Format.ByName("safetensors")!.Layout(checkpoint, name, new WriteOptions(), []));
            output.Commit();
        }
        Outcome outcome = Tool.Run(_folder.Path, "diff", "a.safetensors", "b.safetensors", "--html");
        Assert.Equal((1, ""), (outcome.ExitCode, outcome.Error));
        File.WriteAllText(_folder.File("page.html"), outcome.Output);
        return outcome.Output;
    }

    private static Tensor Floats(string name, int count, Func<int, float> number)
    {
        float[] numbers = [.. Enumerable.Range(0, count).Select(number)];
        return new Tensor(name, DType.F32, new Shape(count), new MemoryBytes(MemoryMarshal.AsBytes(numbers.AsSpan()).ToArray()));
    }

    [GeneratedRegex("<script[^>]*>")]
    private static partial Regex Scripts();

    [GeneratedRegex("<body>(.*?)</body>", RegexOptions.Singleline)]
    private static partial Regex Body();

    [GeneratedRegex("<meta http-equiv[^\n]*\n")]
    private static partial Regex Policy();
}
