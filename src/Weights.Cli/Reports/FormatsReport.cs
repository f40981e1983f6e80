using Weights.Cli.Terminal;
using Weights.Formats;

namespace Weights.Cli.Reports;

/// <summary><c>weights formats</c>, for people and for programs.</summary>
internal static class FormatsReport
{
    /// <summary>A paragraph for each format.</summary>
    public static void WriteText(Channel channel)
    {
        bool first = true;
        foreach (Format format in Format.All)
        {
            channel.Writer.Write(first ? "" : "\n");
            channel.Writer.WriteLine(channel.Paint(Style.Bold, format.Name));
            Fields fields = new(channel);
            fields.Write("title", format.Title);
            fields.Write("extensions", string.Join(' ', format.Extensions));
            fields.Write("reads", Names(format.Reads));
            fields.Write("writes", format.Writes.Count > 0 && format.Writes.SequenceEqual(format.Reads) ? "the same" : Names(format.Writes));
            fields.Write("shards", format.WritesShards ? "written with --max-shard-size" : "not written");
            if (format.WritesExternal)
            {
                fields.Write("external", "elements beside the file with --external, in it with --inline");
            }
            first = false;
        }
    }

    /// <summary>One object.</summary>
    public static void WriteJson(Channel channel) => Json.Write(channel, "weights/formats/1", writer =>
        Json.Objects(writer, "formats", Format.All, (line, format) =>
        {
            line.WriteString("name", format.Name);
            line.WriteString("title", format.Title);
            Json.Names(line, "extensions", format.Extensions);
            Json.Names(line, "reads", format.Reads.Select(static dtype => dtype.Name));
            Json.Names(line, "writes", format.Writes.Select(static dtype => dtype.Name));
            line.WriteBoolean("has_roots", format.HasRoots);
            line.WriteBoolean("writes_shards", format.WritesShards);
            line.WriteBoolean("writes_external", format.WritesExternal);
        }));

    private static string Names(IReadOnlyList<DType> dtypes) => dtypes.Count == 0 ? "nothing" : string.Join(' ', dtypes.Select(static dtype => dtype.Name));
}
