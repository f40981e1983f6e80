using System.CommandLine;
using System.CommandLine.Completions;
using System.CommandLine.Parsing;
using Weights.Formats;

namespace Weights.Cli.CommandLine;

/// <summary>Formats that can be written, by name or by a file's extension.</summary>
internal static class FormatOption
{
    /// <summary>Formats that can be written.</summary>
    public static IEnumerable<Format> Writable => Format.All.Where(static format => format.Writes.Count > 0);

    /// <summary>An option that names one.</summary>
    public static Option<Format?> Create(string name, string description) => new(name)
    {
        HelpName = "FORMAT",
        Description = description,
        CustomParser = Named,
        CompletionSources = { static _ => Writable.Select(static format => new CompletionItem(format.Name)) },
    };

    /// <summary>The format of a file to be written: the one that was named, or the one that its extension says.</summary>
    /// <exception cref="UsageException">It is none, or is not written.</exception>
    public static Format Target(Format? named, string output)
    {
        Format format = named ?? ByExtension(output);
        return format.Writes.Count > 0 ? format : throw new UsageException($"{format.Name} files are read, but not written; --to takes {Names(Writable)}");
    }

    /// <summary>Passes if the format is written in shards, or none are asked for.</summary>
    /// <exception cref="UsageException">They would mean nothing.</exception>
    public static void RequireShards(Format target, long? maxShardBytes)
    {
        if (maxShardBytes is not null && !target.WritesShards)
        {
            throw new UsageException($"{target.Name} files are not written in shards, so --max-shard-size means nothing for them; leave it out");
        }
    }

    /// <summary>Their names, for a sentence.</summary>
    public static string Names(IEnumerable<Format> formats) => string.Join(", ", formats);

    private static Format? Named(ArgumentResult result)
    {
        string name = result.Tokens[0].Value;
        Format? format = Format.ByName(name);
        if (format is null)
        {
            result.AddError($"there is no format '{name}'; --to takes {Names(Writable)}");
        }
        return format;
    }

    private static Format ByExtension(string output)
    {
        if (Format.ByExtension(output) is { } format)
        {
            return format;
        }
        string extensions = string.Join(", ", Writable.SelectMany(static format => format.Extensions));
        throw new UsageException($"{output}: its extension says no format; give --to ({Names(Writable)}), or one of the extensions {extensions}");
    }
}
