namespace Weights.DTypes.Quantized;

/// <summary>
/// A block of floats that share scales, as a struct of exactly the bytes it has in a file. The members are the specification of the
/// type; <see cref="QuantizedType{T}"/> drives them over spans.
/// </summary>
/// <typeparam name="TSelf">The struct itself.</typeparam>
internal interface IQuantizedBlock<TSelf>
    where TSelf : unmanaged, IQuantizedBlock<TSelf>
{
    /// <summary>Name of the type.</summary>
    static abstract string Name { get; }

    /// <summary>Numbers in a block.</summary>
    static abstract int Length { get; }

    /// <summary>What <see cref="EncodeRow"/> does with importances.</summary>
    static virtual Importances Importances => Importances.Unused;

    /// <summary>The numbers of one block, in order.</summary>
    static abstract void Decode(in TSelf block, Span<float> values);

    /// <summary>The blocks of a row; see <see cref="QuantizedDType.EncodeRow"/>.</summary>
    static abstract void EncodeRow(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<TSelf> blocks);

    /// <summary>As <see cref="Decode"/>, bit for bit, with vectors where a type has a way and <see cref="Lanes.Supported"/> is true.</summary>
    static virtual void DecodeLanes(in TSelf block, Span<float> values) => TSelf.Decode(in block, values);

    /// <summary>As <see cref="EncodeRow"/>, bit for bit, with vectors where a type has a way and <see cref="Lanes.Supported"/> is true.</summary>
    static virtual void EncodeLanes(ReadOnlySpan<float> row, ReadOnlySpan<float> importances, Span<TSelf> blocks) => TSelf.EncodeRow(row, importances, blocks);

    /// <summary>The numbers of many blocks: as <see cref="Decode"/> gives them, bit for bit, where a type has a faster way.</summary>
    static virtual void DecodeAll(ReadOnlySpan<TSelf> blocks, Span<float> values)
    {
        for (int index = 0; index < blocks.Length; index++)
        {
            Span<float> target = values.Slice(index * TSelf.Length, TSelf.Length);
            if (Lanes.Supported)
            {
                TSelf.DecodeLanes(in blocks[index], target);
            }
            else
            {
                TSelf.Decode(in blocks[index], target);
            }
        }
    }
}
